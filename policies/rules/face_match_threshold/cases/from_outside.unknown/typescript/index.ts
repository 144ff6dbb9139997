import { CompareFacesCommand, RekognitionClient } from "@aws-sdk/client-rekognition";

const client = new RekognitionClient({});

export async function handler(event: { photo: Uint8Array; selfie: Uint8Array; least?: number }) {
  const answer = await client.send(
    new CompareFacesCommand({
      SourceImage: { Bytes: event.photo },
      TargetImage: { Bytes: event.selfie },
      SimilarityThreshold: event.least ?? 99,
    }),
  );
  return (answer.FaceMatches ?? []).length > 0;
}
