const { RekognitionClient, CompareFacesCommand, GetFaceLivenessSessionResultsCommand } = require("@aws-sdk/client-rekognition");

const client = new RekognitionClient({});

exports.handler = async (event) => {
  let picture = event.selfie;
  if (event.session) {
    const result = await client.send(new GetFaceLivenessSessionResultsCommand({ SessionId: event.session }));
    if (result.Status !== "SUCCEEDED" || result.Confidence < 90) {
      return { statusCode: 403 };
    }
    picture = result.ReferenceImage.Bytes;
  }
  const answer = await client.send(
    new CompareFacesCommand({ SourceImage: { S3Object: event.stored }, TargetImage: { Bytes: picture } }),
  );
  return { statusCode: answer.FaceMatches.length ? 200 : 403 };
};
