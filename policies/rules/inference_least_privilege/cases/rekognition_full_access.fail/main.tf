resource "aws_iam_role" "checkout" {
  name = "checkout"

  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = { Service = "lambda.amazonaws.com" }, Action = "sts:AssumeRole" }]
  })
}

resource "aws_iam_role_policy_attachment" "checkout" {
  role       = aws_iam_role.checkout.name
  policy_arn = "arn:aws:iam::aws:policy/AmazonRekognitionFullAccess"
}
