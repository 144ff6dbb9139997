import { CompareFacesCommand, RekognitionClient } from "@aws-sdk/client-rekognition";

const client = new RekognitionClient({});

export async function same(photo: Uint8Array, selfie: Uint8Array): Promise<boolean> {
  const answer = await client.send(new CompareFacesCommand({ SourceImage: { Bytes: photo }, TargetImage: { Bytes: selfie } }));
  return (answer.FaceMatches ?? []).some((match) => (match.Similarity ?? 0) / 100 >= 0.99);
}
