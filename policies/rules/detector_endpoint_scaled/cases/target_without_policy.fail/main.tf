resource "aws_sagemaker_endpoint_configuration" "detector" {
  name = "detector-v3"

  production_variants {
    variant_name           = "AllTraffic"
    model_name             = "detector-v3"
    instance_type          = "ml.g5.xlarge"
    initial_instance_count = 1
  }
}

resource "aws_sagemaker_endpoint" "detector" {
  name                 = "detector"
  endpoint_config_name = aws_sagemaker_endpoint_configuration.detector.name
}

resource "aws_appautoscaling_target" "detector" {
  service_namespace  = "sagemaker"
  resource_id        = "endpoint/${aws_sagemaker_endpoint.detector.name}/variant/AllTraffic"
  scalable_dimension = "sagemaker:variant:DesiredInstanceCount"
  min_capacity       = 1
  max_capacity       = 4
}
