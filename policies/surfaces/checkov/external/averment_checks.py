"""Loaded by Checkov by file name: registers every rule as a Terraform and a CloudFormation check."""

from averment.policies.surfaces.checkov.checks import register

register()
