"""Where models are: one module for each kind of store, all of which do the same few things."""
