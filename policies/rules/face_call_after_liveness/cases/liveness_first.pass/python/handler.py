import faces
from liveness import live_picture


def handler(event, context):
    picture = live_picture(event["session"])
    return {"same_person": faces.same_person(picture, event["account"])}
