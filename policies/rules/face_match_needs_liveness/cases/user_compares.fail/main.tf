resource "aws_iam_user" "kiosk" {
  name = "kiosk"
}

resource "aws_iam_user_policy" "kiosk" {
  name = "faces"
  user = aws_iam_user.kiosk.name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = "rekognition:SearchFacesByImage"
      Resource = "*"
    }]
  })
}
