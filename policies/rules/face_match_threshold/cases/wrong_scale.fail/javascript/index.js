const AWS = require("aws-sdk");
const rekognition = new AWS.Rekognition();

exports.handler = async (event) => {
  const answer = await rekognition.compareFaces({ SourceImage: event.photo, TargetImage: event.selfie }).promise();
  const best = answer.FaceMatches[0];
  return { same: best !== undefined && best.Similarity > 0.9 };
};
