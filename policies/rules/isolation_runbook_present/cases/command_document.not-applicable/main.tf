resource "aws_ssm_document" "isolate" {
  name            = "rotate-logs"
  document_type   = "Command"
  document_format = "YAML"

  content = <<-DOC
    schemaVersion: '0.3'
    description: Rotates logs
    parameters:
      Bucket: {type: String}
    mainSteps:
      - name: closeBucket
        action: aws:executeAwsApi
        inputs:
          Service: s3
          Api: GetObject
          Bucket: '{{ Bucket }}'
  DOC
}
