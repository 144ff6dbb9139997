resource "aws_iam_role" "isolate" {
  name = "isolate"

  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = { Service = "ssm.amazonaws.com" }, Action = "sts:AssumeRole" }]
  })
}

resource "aws_iam_role_policy" "isolate" {
  name = "isolate"
  role = aws_iam_role.isolate.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["s3:GetBucketPolicy"]
      Resource = "arn:aws:s3:::acme-media-*"
    }]
  })
}

resource "aws_ssm_document" "isolate" {
  name            = "isolate-bucket"
  document_type   = "Automation"
  document_format = "YAML"

  content = <<-DOC
    schemaVersion: '0.3'
    description: Closes a bucket
    assumeRole: ${aws_iam_role.isolate.arn}
    parameters:
      Bucket: {type: String}
    mainSteps:
      - name: closeBucket
        action: aws:executeAwsApi
        inputs:
          Service: s3
          Api: PutPublicAccessBlock
          Bucket: '{{ Bucket }}'
  DOC
}
