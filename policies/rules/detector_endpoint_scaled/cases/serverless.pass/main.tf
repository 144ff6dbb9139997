resource "aws_sagemaker_endpoint_configuration" "detector" {
  name = "detector-v3"

  production_variants {
    variant_name = "AllTraffic"
    model_name   = "detector-v3"

    serverless_config {
      max_concurrency   = 20
      memory_size_in_mb = 4096
    }
  }
}

resource "aws_sagemaker_endpoint" "detector" {
  name                 = "detector"
  endpoint_config_name = aws_sagemaker_endpoint_configuration.detector.name
}
