import { AwsClient } from "aws4fetch";

export async function compare(aws: AwsClient, first: string, second: string): Promise<unknown> {
  const answer = await aws.fetch("https://rekognition.eu-west-1.amazonaws.com/", {
    method: "POST",
    headers: { "X-Amz-Target": "RekognitionService.CompareFaces", "Content-Type": "application/x-amz-json-1.1" },
    body: JSON.stringify({ SourceImage: { Bytes: first }, TargetImage: { Bytes: second } }),
  });
  return answer.json();
}
