"""Publishing to S3 and to what speaks its protocol: the only place where boto3 and obstore are used."""
