const { RekognitionClient, IndexFacesCommand } = require("@aws-sdk/client-rekognition");

const client = new RekognitionClient({});

exports.handler = async (event) =>
  client.send(new IndexFacesCommand({ CollectionId: "staff", Image: event.image, DetectionAttributes: ["DEFAULT"] }));
