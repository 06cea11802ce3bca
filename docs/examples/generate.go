// One generation with net/http: SEGMIND_BASE_URL=http://127.0.0.1:8787 SEGMIND_API_KEY=SG_... go run generate.go OUTPUT.mp4
// Go trusts certificate authorities in the file that SSL_CERT_FILE names (on macOS and Windows: in the system's store).
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

var client = &http.Client{Timeout: 15 * time.Minute}

type answer struct {
	Output string `json:"output"`
	Error  string `json:"error"`
}

func main() {
	output := "video.mp4"
	if len(os.Args) > 1 {
		output = os.Args[1]
	}
	size, err := generate(output)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("%s: %d bytes\n", output, size)
}

func generate(output string) (int64, error) {
	base := os.Getenv("SEGMIND_BASE_URL")
	if base == "" {
		base = "https://api.segmind.com"
	}
	body, err := json.Marshal(map[string]any{
		"prompt":    "Let it snow over the hills at dusk",
		"video_url": "https://segmind-resources.s3.amazonaws.com/input/kling-o3-v2v-input-video.mp4",
		"mode":      "std",
		"duration":  "3",
	})
	if err != nil {
		return 0, err
	}
	request, err := http.NewRequest("POST", base+"/v1/kling-o3-video2video-reference", bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	request.Header.Set("x-api-key", os.Getenv("SEGMIND_API_KEY"))
	request.Header.Set("content-type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	var told answer
	if err := json.NewDecoder(response.Body).Decode(&told); err != nil {
		return 0, fmt.Errorf("%d: %w", response.StatusCode, err)
	}
	if response.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("%d: %s", response.StatusCode, told.Error)
	}
	return save(told.Output, output)
}

func save(url, output string) (int64, error) {
	response, err := client.Get(url)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("the video is not there: %d", response.StatusCode)
	}
	file, err := os.Create(output)
	if err != nil {
		return 0, err
	}
	size, err := io.Copy(file, response.Body)
	if closed := file.Close(); err == nil {
		err = closed
	}
	return size, err
}
