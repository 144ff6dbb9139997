const AWS = require("aws-sdk");

const rekognition = new AWS.Rekognition();

exports.handler = async (event) => {
  const params = {
    SourceImage: { S3Object: { Bucket: "larkspur-accounts", Name: event.account } },
    TargetImage: { Bytes: Buffer.from(event.selfie, "base64") },
    SimilarityThreshold: 95,
  };
  const answer = await rekognition.compareFaces(params).promise();
  return { samePerson: answer.FaceMatches.length > 0 };
};
