resource "aws_cognito_user_pool" "buyers" {
  name = "buyers"

  mfa_configuration = "OPTIONAL"

  software_token_mfa_configuration {
    enabled = true
  }
}
