// One generation with java.net.http: SEGMIND_BASE_URL=http://127.0.0.1:8787 SEGMIND_API_KEY=SG_... java Generate.java OUTPUT.mp4
// Java trusts certificate authorities in a store: java -Djavax.net.ssl.trustStore=FILE
// -Djavax.net.ssl.trustStorePassword=changeit Generate.java, the store made by
// keytool -importcert -noprompt -alias mockling -storepass changeit -file mockling-ca.pem -keystore FILE

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

public class Generate {
    static final String REQUEST = """
        {
            "prompt": "Let it snow over the hills at dusk",
            "video_url": "https://segmind-resources.s3.amazonaws.com/input/kling-o3-v2v-input-video.mp4",
            "mode": "std", "duration": "3"
        }""";

    public static void main(String[] arguments) throws Exception {
        String base = System.getenv().getOrDefault("SEGMIND_BASE_URL", "https://api.segmind.com");
        Path output = Path.of(arguments.length > 0 ? arguments[0] : "video.mp4");
        HttpClient client = HttpClient.newHttpClient();

        HttpRequest request = HttpRequest.newBuilder(URI.create(base + "/v1/kling-o3-video2video-reference"))
            .header("x-api-key", System.getenv().getOrDefault("SEGMIND_API_KEY", ""))
            .header("content-type", "application/json")
            .timeout(Duration.ofMinutes(15))
            .POST(HttpRequest.BodyPublishers.ofString(REQUEST))
            .build();
        HttpResponse<String> answer = client.send(request, BodyHandlers.ofString());
        if (answer.statusCode() != 200) {
            System.err.println(answer.statusCode() + ": " + field("error", answer.body()));
            System.exit(1);
        }
        HttpRequest download = HttpRequest.newBuilder(URI.create(field("output", answer.body()))).build();
        HttpResponse<byte[]> video = client.send(download, BodyHandlers.ofByteArray());
        if (video.statusCode() != 200) {
            throw new IllegalStateException("The video is not there: " + video.statusCode());
        }
        Files.write(output, video.body());
        System.out.println(output + ": " + video.body().length + " bytes");
    }

    /** Returns a text field of a JSON object; a program of yours has a JSON library for that. */
    static String field(String name, String json) {
        Matcher found = Pattern.compile("\"" + name + "\"\\s*:\\s*\"((?:[^\"\\\\]|\\\\.)*)\"").matcher(json);
        return found.find() ? found.group(1).replace("\\\"", "\"").replace("\\/", "/") : json;
    }
}
