const AWS = require("aws-sdk");
const rekognition = new AWS.Rekognition();

exports.handler = (event, context, callback) => {
  const params = { CollectionId: "guests", Image: event.image };
  params.FaceMatchThreshold = 60;
  rekognition.searchFacesByImage(params, callback);
};
