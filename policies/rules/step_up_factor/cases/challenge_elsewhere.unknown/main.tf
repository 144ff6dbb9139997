resource "aws_cognito_user_pool" "buyers" {
  name = "buyers"

  lambda_config {
    verify_auth_challenge_response = "arn:aws:lambda:eu-west-1:123456789012:function:verify-challenge"
  }
}
