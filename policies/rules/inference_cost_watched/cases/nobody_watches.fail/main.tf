resource "aws_sagemaker_endpoint" "detector" {
  name                 = "detector"
  endpoint_config_name = "detector-v3"
}
