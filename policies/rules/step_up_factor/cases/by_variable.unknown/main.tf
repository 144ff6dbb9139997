variable "mfa" {
  type = string
}

resource "aws_cognito_user_pool" "buyers" {
  name = "buyers"

  mfa_configuration = var.mfa
}
