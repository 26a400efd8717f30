"""Packages as OCI artifacts, as the CNCF ModelPack specification has them: reading and pushing them."""
