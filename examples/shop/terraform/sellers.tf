# Pixelpost, the listing tool: pushes product images straight into our bucket from its own account.

resource "aws_s3_bucket_policy" "seller_uploads" {
  bucket = aws_s3_bucket.seller_uploads.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "PixelpostDropsImages"
        Effect    = "Allow"
        Principal = { AWS = "arn:aws:iam::${var.pixelpost_account_id}:root" }
        Action    = ["s3:PutObject", "s3:PutObjectAcl"]
        Resource  = "${aws_s3_bucket.seller_uploads.arn}/pixelpost/*"
        Condition = {
          StringEquals       = { "s3:x-amz-acl" = "bucket-owner-full-control" }
          StringLikeIfExists = { "s3:RequestObjectTag/provenance" = ["c2pa", "declared"] }
        }
      },
    ]
  })
}

# Sellers without a tool upload through the seller portal, whose service assumes this role.

data "aws_iam_policy_document" "seller_portal_trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "seller_portal" {
  statement {
    sid       = "PresignUploads"
    actions   = ["s3:PutObject"]
    resources = ["${aws_s3_bucket.seller_uploads.arn}/portal/*"]
  }
}

resource "aws_iam_role" "seller_portal" {
  name               = "${local.prefix}-seller-portal"
  assume_role_policy = data.aws_iam_policy_document.seller_portal_trust.json
}

resource "aws_iam_role_policy" "seller_portal" {
  name   = "uploads"
  role   = aws_iam_role.seller_portal.id
  policy = data.aws_iam_policy_document.seller_portal.json
}

# Makes thumbnails of product images.
resource "aws_iam_role" "thumbnailer" {
  name = "${local.prefix}-thumbnailer"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy_attachment" "thumbnailer_s3" {
  role       = aws_iam_role.thumbnailer.name
  policy_arn = "arn:aws:iam::aws:policy/AmazonS3FullAccess"
}

resource "aws_iam_role_policy_attachment" "thumbnailer_logs" {
  role       = aws_iam_role.thumbnailer.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
}
