const AWS = require("aws-sdk");

const rekognition = new AWS.Rekognition();

exports.livePicture = (sessionId) =>
  rekognition
    .getFaceLivenessSessionResults({ SessionId: sessionId })
    .promise()
    .then(({ Status, Confidence, ReferenceImage }) => {
      if (Status !== "SUCCEEDED" || Confidence < 90) {
        throw new Error("nobody was in front of the camera");
      }
      return ReferenceImage.Bytes;
    });
