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
  max_capacity       = 1
}

resource "aws_appautoscaling_policy" "detector" {
  name               = "invocations"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.detector.service_namespace
  resource_id        = aws_appautoscaling_target.detector.resource_id
  scalable_dimension = aws_appautoscaling_target.detector.scalable_dimension

  target_tracking_scaling_policy_configuration {
    target_value = 100

    predefined_metric_specification {
      predefined_metric_type = "SageMakerVariantInvocationsPerInstance"
    }
  }
}
