"""S3-compatible services: keys from the usual AWS chain, buckets opened with them, and what their answers mean."""
