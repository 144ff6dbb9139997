resource "aws_cognito_user_pool" "buyers" {
  name = "buyers"

  mfa_configuration = "OFF"
}
