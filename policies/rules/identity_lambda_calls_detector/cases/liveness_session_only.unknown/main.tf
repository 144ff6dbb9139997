resource "aws_iam_role" "face-liveness-session" {
  name = "face-liveness-session"

  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = { Service = "lambda.amazonaws.com" }, Action = "sts:AssumeRole" }]
  })
}

resource "aws_iam_role_policy_attachment" "face-liveness-session" {
  role       = aws_iam_role.face-liveness-session.name
  policy_arn = "arn:aws:iam::aws:policy/AmazonRekognitionFullAccess"
}

resource "aws_lambda_function" "face-liveness-session" {
  function_name = "face-liveness-session"
  role          = aws_iam_role.face-liveness-session.arn
  runtime       = "python3.12"
  handler       = "app.handler"
  filename      = "app.zip"
}
