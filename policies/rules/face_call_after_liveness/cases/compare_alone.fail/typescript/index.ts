import { CompareFacesCommand, RekognitionClient } from "@aws-sdk/client-rekognition";

const client = new RekognitionClient({ region: "eu-west-1" });

export const handler = async (event: { account: string; selfie: string }): Promise<{ samePerson: boolean }> => {
  const answer = await client.send(
    new CompareFacesCommand({
      SourceImage: { S3Object: { Bucket: "larkspur-accounts", Name: event.account } },
      TargetImage: { Bytes: Buffer.from(event.selfie, "base64") },
    }),
  );
  return { samePerson: (answer.FaceMatches ?? []).length > 0 };
};
