"""The API of Leadsman: pydantic types of every custom resource, the single source of the CRDs. Pure."""
