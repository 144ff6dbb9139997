"""Loaded by Checkov by file name: registers the rules as checks on Terraform (code and plans) and CloudFormation."""

from averment.policies.surfaces.checkov.plain import register_for_checkov

register_for_checkov()
