resource "aws_iam_role" "compare-faces" {
  name = "compare-faces"

  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = { Service = "lambda.amazonaws.com" }, Action = "sts:AssumeRole" }]
  })
}

resource "aws_iam_role_policy_attachment" "compare-faces" {
  role       = aws_iam_role.compare-faces.name
  policy_arn = "arn:aws:iam::aws:policy/AmazonRekognitionFullAccess"
}

resource "aws_lambda_function" "compare-faces" {
  function_name = "compare-faces"
  role          = aws_iam_role.compare-faces.arn
  runtime       = "python3.12"
  handler       = "app.handler"
  filename      = "app.zip"
}
