"""IAM in Terraform: roles, users, groups, their policies, and the attachments that join them."""

from __future__ import annotations

from averment.policies.graph.terraform_map import Fields, Shape, blocks, listed, to
from averment.policies.graph.text import parsed_json

_INLINE: Fields = {"name": to("PolicyName"), "policy": to("PolicyDocument", parsed_json)}

SHAPES: dict[str, Shape] = {
    "aws_iam_role": Shape(
        "AWS::IAM::Role",
        {
            "name": to("RoleName"),
            "assume_role_policy": to("AssumeRolePolicyDocument", parsed_json),
            "inline_policy": blocks("Policies", _INLINE),
            "force_detach_policies": None,
        },
    ),
    "aws_iam_user": Shape("AWS::IAM::User", {"name": to("UserName"), "force_destroy": None}),
    "aws_iam_group": Shape("AWS::IAM::Group", {"name": to("GroupName")}),
    "aws_iam_policy": Shape("AWS::IAM::ManagedPolicy", {"name": to("ManagedPolicyName"), "policy": to("PolicyDocument", parsed_json)}),
    "aws_iam_role_policy": Shape(
        "AWS::IAM::Policy", {"name": to("PolicyName"), "policy": to("PolicyDocument", parsed_json), "role": to("Roles", listed)}
    ),
    "aws_iam_user_policy": Shape(
        "AWS::IAM::Policy", {"name": to("PolicyName"), "policy": to("PolicyDocument", parsed_json), "user": to("Users", listed)}
    ),
    "aws_iam_group_policy": Shape(
        "AWS::IAM::Policy", {"name": to("PolicyName"), "policy": to("PolicyDocument", parsed_json), "group": to("Groups", listed)}
    ),
    "aws_iam_instance_profile": Shape("AWS::IAM::InstanceProfile", {"name": to("InstanceProfileName"), "role": to("Roles", listed)}),
}

ATTACHMENTS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "aws_iam_role_policy_attachment": (("role", "AWS::IAM::Role", "RoleName"),),
    "aws_iam_user_policy_attachment": (("user", "AWS::IAM::User", "UserName"),),
    "aws_iam_group_policy_attachment": (("group", "AWS::IAM::Group", "GroupName"),),
    "aws_iam_policy_attachment": (
        ("roles", "AWS::IAM::Role", "RoleName"),
        ("users", "AWS::IAM::User", "UserName"),
        ("groups", "AWS::IAM::Group", "GroupName"),
    ),
    "aws_iam_role_policy_attachments_exclusive": (("role_name", "AWS::IAM::Role", "RoleName"),),
    "aws_iam_user_policy_attachments_exclusive": (("user_name", "AWS::IAM::User", "UserName"),),
    "aws_iam_group_policy_attachments_exclusive": (("group_name", "AWS::IAM::Group", "GroupName"),),
}
"""Attachment type -> (attribute, holder's type, holder's name property)."""
