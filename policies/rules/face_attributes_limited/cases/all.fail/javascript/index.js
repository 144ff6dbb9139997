const AWS = require("aws-sdk");
const rekognition = new AWS.Rekognition();

exports.handler = (event, context, callback) => {
  const params = { Image: { S3Object: event.picture } };
  params.Attributes = ["DEFAULT", "AGE_RANGE"];
  rekognition.detectFaces(params, (error, data) => callback(error, data));
};
