import { Rekognition } from "@aws-sdk/client-rekognition";

const rekognition = new Rekognition();

export async function handler(event) {
  const result = await rekognition.getFaceLivenessSessionResults({ SessionId: event.session });
  console.log("liveness", result.Confidence);
  const answer = await rekognition.compareFaces({
    SourceImage: { S3Object: { Bucket: "larkspur-accounts", Name: event.account } },
    TargetImage: { Bytes: result.ReferenceImage.Bytes },
  });
  return answer.FaceMatches.length > 0;
}
