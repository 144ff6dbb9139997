resource "aws_cognito_user_pool" "buyers" {
  name = "buyers"
}

resource "aws_cognito_user_pool_client" "staff" {
  name                         = "staff"
  user_pool_id                 = aws_cognito_user_pool.buyers.id
  supported_identity_providers = ["Okta"]
}
