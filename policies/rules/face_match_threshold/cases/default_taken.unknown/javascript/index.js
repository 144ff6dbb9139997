const { RekognitionClient, SearchFacesByImageCommand } = require("@aws-sdk/client-rekognition");

const client = new RekognitionClient({});

exports.handler = async (event) => {
  const found = await client.send(new SearchFacesByImageCommand({ CollectionId: "members", Image: event.image, MaxFaces: 1 }));
  return found.FaceMatches[0];
};
