resource "aws_iam_role" "pictures" {
  name = "pictures"

  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = { Service = "lambda.amazonaws.com" }, Action = "sts:AssumeRole" }]
  })
}

resource "aws_iam_role_policy_attachment" "pictures" {
  role       = aws_iam_role.pictures.name
  policy_arn = "arn:aws:iam::aws:policy/AmazonRekognitionFullAccess"
}

resource "aws_lambda_function" "pictures" {
  function_name = "pictures"
  role          = aws_iam_role.pictures.arn
  runtime       = "python3.12"
  handler       = "app.handler"
  filename      = "app.zip"
}
