# Checkout compares the buyer's selfie with the photo of the account before it lets a large order through.

data "archive_file" "checkout" {
  type        = "zip"
  source_file = "${path.module}/functions/face_check.py"
  output_path = "${path.module}/.build/face_check.zip"
}

data "aws_iam_policy_document" "lambda_trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "checkout_face_check" {
  name               = "${local.prefix}-checkout-face-check"
  assume_role_policy = data.aws_iam_policy_document.lambda_trust.json
}

resource "aws_iam_role_policy" "checkout_face_check" {
  name = "rekognition"
  role = aws_iam_role.checkout_face_check.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect   = "Allow"
        Action   = ["rekognition:CompareFaces", "rekognition:DetectFaces"]
        Resource = "*"
      },
      {
        Effect   = "Allow"
        Action   = "s3:GetObject"
        Resource = "arn:aws:s3:::${local.prefix}-account-photos/*"
      },
    ]
  })
}

resource "aws_lambda_function" "checkout_face_check" {
  function_name    = "${local.prefix}-checkout-face-check"
  role             = aws_iam_role.checkout_face_check.arn
  runtime          = "python3.12"
  handler          = "face_check.handler"
  filename         = data.archive_file.checkout.output_path
  source_code_hash = data.archive_file.checkout.output_base64sha256
  timeout          = 10

  environment {
    variables = {
      SIMILARITY = "90"
    }
  }
}

# Sellers prove who they are when they open an account: a liveness session first, then the comparison.

resource "aws_iam_role" "seller_onboarding" {
  name               = "${local.prefix}-seller-onboarding"
  assume_role_policy = data.aws_iam_policy_document.lambda_trust.json
}

data "aws_iam_policy_document" "seller_onboarding" {
  statement {
    sid = "LivenessThenMatch"
    actions = [
      "rekognition:CreateFaceLivenessSession",
      "rekognition:GetFaceLivenessSessionResults",
      "rekognition:CompareFaces",
    ]
    resources = ["*"]
  }
}

resource "aws_iam_role_policy" "seller_onboarding" {
  name   = "liveness"
  role   = aws_iam_role.seller_onboarding.id
  policy = data.aws_iam_policy_document.seller_onboarding.json
}
