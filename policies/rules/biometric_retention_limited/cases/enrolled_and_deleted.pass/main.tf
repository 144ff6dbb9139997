resource "aws_iam_role" "enrol" {
  name = "enrol"

  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = { Service = "lambda.amazonaws.com" }, Action = "sts:AssumeRole" }]
  })
}

resource "aws_iam_role_policy" "enrol" {
  name = "enrol"
  role = aws_iam_role.enrol.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["rekognition:IndexFaces"]
      Resource = "arn:aws:rekognition:eu-west-1:123456789012:collection/staff"
    }]
  })
}

resource "aws_iam_role" "leave" {
  name = "leave"

  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = { Service = "lambda.amazonaws.com" }, Action = "sts:AssumeRole" }]
  })
}

resource "aws_iam_role_policy" "leave" {
  name = "leave"
  role = aws_iam_role.leave.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["rekognition:DeleteFaces"]
      Resource = "arn:aws:rekognition:eu-west-1:123456789012:collection/staff"
    }]
  })
}
