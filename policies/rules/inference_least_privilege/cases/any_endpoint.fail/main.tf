data "aws_iam_policy_document" "invoke" {
  statement {
    actions   = ["sagemaker:InvokeEndpoint*"]
    resources = ["*"]
  }
}

resource "aws_iam_policy" "invoke" {
  name   = "invoke"
  policy = data.aws_iam_policy_document.invoke.json
}
