# The names that the expressions of expressions.txt use.
locals {
  env   = "dev"
  list  = ["a", "b", "c"]
  nums  = [3, 1, 2]
  map   = { a = 1, b = 2, c = 3 }
  deep  = { buckets = [{ name = "one", tags = { x = "1" } }, { name = "two", tags = {} }] }
  empty = []
  none  = null
  flag  = true
  text  = "The quick brown fox"
  arn   = "arn:aws:s3:::shop-uploads/key"
  json  = "{\"a\":[1,2,{\"b\":null}],\"c\":true}"
}

variable "settings" {
  type = object({
    name = string
    size = optional(number, 5)
    tags = optional(map(string), { k = "v" })
  })
  default = { name = "n" }
}

variable "names" {
  type    = set(string)
  default = ["z", "y", "z"]
}
