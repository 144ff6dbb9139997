import boto3

rekognition = boto3.client("rekognition")
THRESHOLD = 90


def live_picture(session_id):
    """The picture of the person who was in front of the camera."""
    result = rekognition.get_face_liveness_session_results(SessionId=session_id)
    if result["Status"] != "SUCCEEDED" or result["Confidence"] < THRESHOLD:
        raise PermissionError("nobody was in front of the camera")
    return result["ReferenceImage"]["Bytes"]
