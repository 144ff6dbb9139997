import boto3

rekognition = boto3.client("rekognition")  # compare_faces or detect_faces, as the caller likes


def handler(event, context):
    return getattr(rekognition, event["operation"])(**event["parameters"])
