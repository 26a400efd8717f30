"""kopf and nothing else: what wakes a pass. Importing `modeldeployments`, `children` and `startup` registers them."""
