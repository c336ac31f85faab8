"""The workers of a Dask cluster as an executor of the engine: tasks and results travel, credentials never do."""
