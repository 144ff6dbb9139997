resource "aws_sagemaker_model" "detector" {
  name                     = "detector"
  execution_role_arn       = "arn:aws:iam::123456789012:role/detector"
  enable_network_isolation = true

  primary_container {
    image = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/detector:1"
  }
}

resource "aws_sagemaker_endpoint_configuration" "detector" {
  name        = "detector"
  kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/0a1b"

  production_variants {
    variant_name           = "main"
    model_name             = aws_sagemaker_model.detector.name
    initial_instance_count = 1
    instance_type          = "ml.m5.xlarge"
  }

  data_capture_config {
    enable_capture              = true
    initial_sampling_percentage = 100
    destination_s3_uri          = "s3://acme-capture/detector"

    capture_options {
      capture_mode = "Output"
    }
  }

  async_inference_config {
    output_config {
      s3_output_path = "s3://acme-work/outputs"
    }
  }
}
