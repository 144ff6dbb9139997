resource "aws_s3_bucket" "uploads" {
  bucket = "acme-uploads"
}

resource "aws_s3_access_point" "uploads" {
  bucket = aws_s3_bucket.uploads.id
  name   = "uploads"
}

resource "aws_s3control_object_lambda_access_point" "thumbnails" {
  name = "thumbnails"

  configuration {
    supporting_access_point = aws_s3_access_point.uploads.arn

    transformation_configuration {
      actions = ["GetObject"]

      content_transformation {
        aws_lambda {
          function_arn = "arn:aws:lambda:eu-west-1:123456789012:function:thumbnail"
        }
      }
    }
  }
}

resource "aws_s3control_object_lambda_access_point_policy" "thumbnails" {
  name = aws_s3control_object_lambda_access_point.thumbnails.name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "Partner"
        Effect    = "Allow"
        Principal = { AWS = "arn:aws:iam::999999999999:root" }
        Action    = "s3-object-lambda:GetObject"
        Resource  = "arn:aws:s3-object-lambda:eu-west-1:123456789012:accesspoint/thumbnails"
      }
    ]
  })
}
