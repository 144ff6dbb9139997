const AWS = require("aws-sdk");

const rekognition = new AWS.Rekognition();

async function samePerson(picture, account) {
  const answer = await rekognition
    .compareFaces({
      SourceImage: { S3Object: { Bucket: "larkspur-accounts", Name: account } },
      TargetImage: { Bytes: picture },
    })
    .promise();
  return answer.FaceMatches.length > 0;
}

module.exports = { samePerson };
