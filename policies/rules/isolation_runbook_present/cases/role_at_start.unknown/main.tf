resource "aws_ssm_document" "isolate" {
  name            = "isolate-bucket"
  document_type   = "Automation"
  document_format = "YAML"

  content = <<-DOC
    schemaVersion: '0.3'
    description: Closes a bucket
    assumeRole: '{{ AutomationAssumeRole }}'
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
