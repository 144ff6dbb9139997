resource "aws_s3_bucket" "archive" {
  bucket = "acme-archive"
}

resource "aws_s3_bucket" "uploads" {
  bucket = "acme-uploads"
}

resource "aws_s3control_multi_region_access_point" "both" {
  details {
    name = "both"

    region {
      bucket = aws_s3_bucket.archive.id
    }

    region {
      bucket = aws_s3_bucket.uploads.id
    }
  }
}

resource "aws_s3control_multi_region_access_point_policy" "both" {
  details {
    name = "both"

    policy = jsonencode({
      Version = "2012-10-17"
      Statement = [
        {
          Sid       = "Drop"
          Effect    = "Allow"
          Principal = { AWS = "arn:aws:iam::999999999999:root" }
          Action    = "s3:PutObject"
          Resource  = "arn:aws:s3::123456789012:accesspoint/mfzwi23gnjvgw.mrap/object/*"
        }
      ]
    })
  }
}
