const { RekognitionClient, CompareFacesCommand } = require("@aws-sdk/client-rekognition");

const client = new RekognitionClient({});

async function same(photo, selfie, least = 99.5) {
  const answer = await client.send(new CompareFacesCommand({ SourceImage: photo, TargetImage: selfie, SimilarityThreshold: least }));
  return answer.FaceMatches.length > 0;
}

exports.handler = async (event) => same(event.photo, event.selfie);
