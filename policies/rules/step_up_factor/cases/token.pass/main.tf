resource "aws_cognito_user_pool" "buyers" {
  name = "buyers"

  mfa_configuration = "ON"

  software_token_mfa_configuration {
    enabled = true
  }
}
